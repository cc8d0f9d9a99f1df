"""The migrations, oldest first. Each stays as it is once it was released."""
