"""Results that travel: archives of finished runs, their merge, published tables and the comparison with them."""
