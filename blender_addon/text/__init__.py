"""What is said, in the user's language, and how it is fitted into a panel."""
