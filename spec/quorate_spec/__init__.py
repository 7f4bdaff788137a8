"""What must be true: readable specifications, TLA+ beside Python."""
