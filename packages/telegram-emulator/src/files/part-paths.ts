import { join } from 'node:path'

/** The file in which full parts are written at their offsets. */
export const dataPath = (folder: string): string => join(folder, 'data')

/** The file of a part that cannot be put into the whole yet. */
export const partPath = (folder: string, part: number): string => join(folder, `part-${part}`)
