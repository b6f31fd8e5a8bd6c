"""What programs call over HTTP and MCP, on the app's own server: one room, no page in it."""
