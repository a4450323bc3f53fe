"""From a bare board to one that runs: flash, deploy, provision, monitor. Thin wrappers of esptool and mpremote."""
