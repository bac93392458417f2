import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SOURCE_CONDITION } from '../../test/helpers/source-condition.ts'
import type { Scope } from './scope.ts'
import { type Usage, usageOf } from './usage.ts'

export interface Process {
  readonly pid: number
  usage: () => Usage
}

export interface Program {
  command: string
  args: string[]
  env?: Record<string, string>
  /** A shell command that puts the process under some limit first. */
  enter?: string | undefined
}

/** A program that answers each line of JSON with a line of JSON. */
export interface Talker extends Process {
  /** Its first line, which it prints when it is ready. */
  readonly greeting: unknown
  ask: (command: object) => Promise<unknown>
}

/** Starts a program, which ends with the scope. */
export function start(scope: Scope, program: Program): Process & { child: ChildProcess } {
  const { command, args, env, enter } = program
  const options: SpawnOptions = {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  }
  const child =
    enter === undefined
      ? spawn(command, args, options)
      : spawn('/bin/sh', ['-c', `${enter}; exec "$0" "$@"`, command, ...args], options)
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} did not start`)
  scope.onEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  })
  return { pid, usage: () => usageOf(pid), child }
}

/** A program of this repository, run from its sources on this Node. */
export function nodeProgram(path: string, args: string[] = [], flags: string[] = []): Program {
  return { command: process.execPath, args: [SOURCE_CONDITION, ...flags, path, ...args] }
}

/** Starts a talker, and resolves when it is ready. */
export async function startTalker(scope: Scope, program: Program): Promise<Talker> {
  const { child, ...started } = start(scope, program)
  if (!child.stdout) throw new Error('the process has no output')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${program.command} ended too early; its last words are above`)
    return JSON.parse(value)
  }
  const greeting = await next()
  return {
    ...started,
    greeting,
    ask: (command) => {
      child.stdin?.write(`${JSON.stringify(command)}\n`)
      return next()
    },
  }
}

/** Runs a program of this repository with one JSON argument; resolves with the JSON line it prints. */
export async function runOnce<T>(
  scope: Scope,
  path: string,
  { task, enter }: { task: object; enter?: string },
): Promise<T> {
  const program = { ...nodeProgram(path, [JSON.stringify(task)]), enter }
  return (await startTalker(scope, program)).greeting as T
}

/** A folder that is removed with the scope. */
export async function tempFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telestore-bench-'))
  scope.onEnd(() => rm(folder, { recursive: true, force: true }))
  return folder
}
