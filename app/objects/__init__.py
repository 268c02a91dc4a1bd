"""What nodes share: objects in a folder or in an S3-compatible store."""
