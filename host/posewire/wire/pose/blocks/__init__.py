"""The blocks of a packet (section 4): one landmark set each, integers and a reference in, bytes and the next state out.

``block`` decides which kind a block is; ``delta_block``, ``landmark_block``, ``quaternion_block`` and
``snapshot_block`` code one kind each. Imports the core and the pose package's own modules.
"""
