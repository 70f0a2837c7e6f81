#!/usr/bin/env node
// A committed entry, because npm links a workspace's program only where its file exists at install time.
import '../dist/cli/main.js'
