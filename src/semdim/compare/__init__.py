"""Two runs side by side: what differs in their settings, and what that did to their numbers."""
