"""The chips on the I2C bus, register by register."""
