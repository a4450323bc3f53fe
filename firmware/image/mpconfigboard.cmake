# MicroPython's ESP32_GENERIC with this firmware frozen into it, and its own partition table. docs/flashing.md has the steps.
include(${CMAKE_SOURCE_DIR}/boards/ESP32_GENERIC/mpconfigboard.cmake)

set(POSEWIRE_SDKCONFIG ${CMAKE_BINARY_DIR}/sdkconfig.posewire)
file(WRITE ${POSEWIRE_SDKCONFIG}
    "CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${MICROPY_BOARD_DIR}/partitions.csv\"\n")
list(APPEND SDKCONFIG_DEFAULTS ${POSEWIRE_SDKCONFIG})

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/../manifest.py)
