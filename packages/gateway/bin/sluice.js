#!/usr/bin/env node
// This file is committed, because npm links a workspace's program only if the file exists at
// install time.
import '../dist/cli/main.js'
