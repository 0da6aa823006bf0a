"""`python -m mcp_router`: the command line, where the script is not on the path."""

from mcp_router.cli.main import main

if __name__ == "__main__":
    main()
