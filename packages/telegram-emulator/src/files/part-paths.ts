import { join } from 'node:path'

/** The one file in which full parts lie at their places. */
export const dataPath = (folder: string): string => join(folder, 'data')

/** A part whose place is not known yet. */
export const partPath = (folder: string, part: number): string => join(folder, `part-${part}`)
