from posewire_fw.app import run

run()
