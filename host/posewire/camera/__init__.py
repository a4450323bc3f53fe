"""A camera of this machine as a member of a room: pictures in, landmarks out. No picture leaves the process."""
