"""The public Wav2Lip model, in-process (R. Prajwal, R. Mukhopadhyay, V. Namboodiri, C. V. Jawahar, 2020)."""
