#!/usr/bin/env node
// Compiles the modules for this machine, once for each version of their sources. A machine without a C
// compiler is no error: whoever loads a module does without it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { MODULES, type ModuleName, moduleFile, sourceFile } from './module-file.ts'

const COMPILERS = ['cc', 'gcc', 'clang']
const TIMEOUT_MS = 60_000

const failure = compileAll()
if (failure !== null) {
  process.stderr.write(
    `AES and SHA-256 by the processor's instructions are not available: ${failure}\n`,
  )
}

/** Null when the modules are there now; else why the first that is missing is not. */
function compileAll(): string | null {
  const missing = MODULES.filter((name) => !existsSync(moduleFile(name)))
  if (missing.length === 0) return null
  if (process.platform === 'win32') return 'Windows is not supported'
  const compiler = process.env.CC ?? COMPILERS.find(runs)
  if (compiler === undefined) return 'there is no C compiler here'
  const headers = findHeaders()
  if (headers === null) return 'the package node-api-headers is not installed'
  const failures = missing.map((name) => compile(name, { compiler, headers }))
  return failures.find((reason) => reason !== null) ?? null
}

function compile(
  name: ModuleName,
  { compiler, headers }: { compiler: string; headers: string },
): string | null {
  const target = moduleFile(name)
  mkdirSync(dirname(target), { recursive: true })
  // Processes that start at the same time each make their own, and the last rename wins.
  const made = `${target}.${process.pid}`
  try {
    const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
    const flags = ['-O3', '-fPIC', '-shared', ...link, '-I', headers, '-o', made, sourceFile(name)]
    execFileSync(compiler, flags, { stdio: ['ignore', 'ignore', 'pipe'], timeout: TIMEOUT_MS })
    renameSync(made, target)
    return null
  } catch (error) {
    rmSync(made, { force: true })
    return `the compiler failed: ${firstLine(error)}`
  }
}

function runs(compiler: string): boolean {
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore', timeout: TIMEOUT_MS })
    return true
  } catch {
    return false
  }
}

function findHeaders(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve('node-api-headers/package.json')
    return join(dirname(manifest), 'include')
  } catch {
    return null
  }
}

/** What the compiler says, or why it cannot run. */
function firstLine(error: unknown): string {
  const words = error instanceof Error && 'stderr' in error ? String(error.stderr ?? '') : ''
  const lines = words.split('\n').filter((line) => line !== '')
  const found = lines.find((line) => line.includes('error')) ?? lines[0]
  return found ?? (error instanceof Error ? error.message : String(error))
}
