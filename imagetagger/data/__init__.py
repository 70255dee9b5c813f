"""Sources of pictures, and how pictures are split."""
