"""What tests share and no layer owns."""
