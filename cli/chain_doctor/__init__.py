"""Is the chain well? Facts are gathered from nodes and disks, then judged by pure rules; docs/runbook.md has each."""
