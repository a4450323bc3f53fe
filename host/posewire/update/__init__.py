"""New application code and firmware images for boards, over the connection that they have."""
