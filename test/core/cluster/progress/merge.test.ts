import { expect, test } from 'vitest'
import { mergeProgress, type Teller } from '../../../../src/core/cluster/progress/merge.ts'
import type { Progress } from '../../../../src/core/progress/progress-board.ts'

function at(phase: Progress['phase'], progress: number, fields: Partial<Progress> = {}): Progress {
  const isEnd = phase === 'completed' || phase === 'failed' || phase === 'cancelled'
  const status = phase === 'completed' ? 'completed' : isEnd ? 'failed' : 'uploading'
  const rest = {
    error: null,
    reason: null,
    messageId: null,
    fileId: null,
    sha256: null,
    retryAfter: null,
  }
  return { uploadId: 'a', status, progress, phase, ...rest, ...fields }
}

test.each<[string, Progress | null, Progress, Teller, [string, number] | null]>([
  ['the first is told', null, at('queued', 5), 'rows', ['queued', 5]],
  ['the same is not told again', at('sending', 40), at('sending', 40), 'carrier', null],
  ['a percent does not fall', at('sending', 40), at('sending', 30), 'carrier', null],
  [
    'a phase that goes back keeps the percent',
    at('posting', 92),
    at('connecting', 10),
    'carrier',
    ['connecting', 92],
  ],
  [
    'a row knows the percent, and not the phase',
    at('sending', 40),
    at('queued', 50),
    'rows',
    ['sending', 50],
  ],
  ['a row knows that a file is whole', at('receiving', 0), at('queued', 5), 'rows', ['queued', 5]],
  [
    'a row ends a wait that nobody tells of any more',
    at('waiting', 40),
    at('queued', 40),
    'rows',
    ['queued', 40],
  ],
  [
    'an end is told by a row as well',
    at('sending', 40),
    at('completed', 100),
    'rows',
    ['completed', 100],
  ],
  [
    'a failure leaves the bar where it was',
    at('sending', 40),
    at('failed', 30),
    'rows',
    ['failed', 40],
  ],
  ['an end is told once', at('completed', 100), at('completed', 100), 'carrier', null],
  ['nothing is told after an end', at('completed', 100), at('sending', 99), 'carrier', null],
  [
    'what has failed can be cancelled',
    at('failed', 40),
    at('cancelled', 40),
    'rows',
    ['cancelled', 40],
  ],
])('%s', (_name, before, next, teller, told) => {
  const merged = mergeProgress(before, next, teller)

  expect(merged && [merged.phase, merged.progress]).toEqual(told)
})
