#!/usr/bin/env node
// Committed, because npm links a program of a workspace only if the file exists at install time.
import '../dist/cli/main.js'
