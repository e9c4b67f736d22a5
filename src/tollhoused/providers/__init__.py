"""Payment providers behind one interface; nothing outside a provider's own module knows its words."""
