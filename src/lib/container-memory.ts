import { totalmem } from 'node:os'

/** Bytes of memory this process may use: the container's limit, else what the machine has. */
export function containerMemoryBytes(): number {
  // Without a limit the kernel reports none, or a number no machine has.
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}
