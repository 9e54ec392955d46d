"""How limits of charts follow from the false alarms that a lab accepts."""
