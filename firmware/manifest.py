# For an image of your own with the firmware frozen into it: in a MicroPython checkout,
#   make -C ports/esp32 BOARD=POSEWIRE BOARD_DIR=/path/to/firmware/image
# docs/flashing.md has all steps.
# boot.py and main.py are not frozen: an update or a person at the REPL must be able to change them.
metadata(description="Posewire: a voice-and-motion node on one WebSocket", version="0.1.0", license="MIT")
include("$(PORT_DIR)/boards/manifest.py")
package("posewire_fw", opt=3)
