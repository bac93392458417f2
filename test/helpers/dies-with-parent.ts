import type { ChildProcess } from 'node:child_process'

const children = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Ends the child where this process ends without having ended it. */
export function diesWithParent(child: ChildProcess): void {
  children.add(child)
  child.once('close', () => children.delete(child))
}
