"""What training gave the pose codec: its tables, and the forms that coders and core want of them."""
