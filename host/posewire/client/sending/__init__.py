"""Senders of poses and audio, and what paces them."""
