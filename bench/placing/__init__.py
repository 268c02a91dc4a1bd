"""A model of placing sessions on stages: who comes, where Serve sends them, what fails, and what that does to them."""
