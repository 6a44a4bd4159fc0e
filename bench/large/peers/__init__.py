"""The same work in other tools, each script as its experts would write it; see README.md one folder up."""
