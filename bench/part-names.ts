/** What `npm run bench` measures, in the order of the tables. */
export const PART_NAMES = [
  'download',
  'upload',
  'chunks',
  'far',
  'start',
  'memory',
  'waits',
  'library',
  'volumes',
  'emulator',
] as const

/** What runs only when it is named. */
export const MORE_PART_NAMES = ['faults', 'load', 'cluster'] as const

export type PartName = (typeof PART_NAMES | typeof MORE_PART_NAMES)[number]
export const ALL_PART_NAMES: readonly PartName[] = [...PART_NAMES, ...MORE_PART_NAMES]
