"""From profiles to contacts: judged, converted, rendered, merged."""
