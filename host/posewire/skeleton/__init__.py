"""From landmarks and motion sensors to the rotations of a skeleton's bones, and back. No I/O."""
