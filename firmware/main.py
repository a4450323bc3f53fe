import posewire_slots

posewire_slots.run()
