"""What makes a bundle acceptable: `loading` reads its text, `lint` looks at what it means."""
