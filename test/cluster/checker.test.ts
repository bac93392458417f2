import { expect, test } from 'vitest'
import { findBroken, type Remains } from '../chaos/cluster/checker.ts'
import type { Entry } from '../chaos/cluster/history.ts'

const FILE: Entry = {
  kind: 'file',
  file: 'a',
  size: 10,
  sha256: 'digest',
  way: 'chunks',
  channelId: '-1',
  accountKind: 'user',
}
const MESSAGE = { id: 7, documentId: '1', fileName: 'a', caption: '', size: 10, sha256: 'digest' }
const DONE: Entry = { kind: 'completed', file: 'a', messageId: 7, sha256: 'digest' }
const CANCELLED: Entry = { kind: 'cancelled', file: 'a', isPosted: false }
const FAULT: Entry = { kind: 'fault', what: 'kill', node: 1, event: 'begin' }

function acknowledged(from: number, to: number): Entry {
  return { kind: 'acknowledged', file: 'a', span: [from, to] }
}
function listed(asked: number, ...spans: [number, number][]): Entry {
  return { kind: 'listed', file: 'a', spans, asked }
}
function seen(percent: number, status = 'uploading', viewer = 'poll'): Entry {
  return { kind: 'progress', file: 'a', viewer, percent, status }
}
function remains(messages = [MESSAGE], keysKilled = 0): Remains {
  return {
    messages: new Map([['-1', messages]]),
    webhooks: [{ key: 'k', payload: { fileName: 'a', messageId: 7, size: 10 } }],
    keysKilled,
    digestOf: (file, span) => `${file} ${span}`,
  }
}

test.each<[string, Entry[], Remains]>([
  ['a file that was posted once', [FILE, acknowledged(0, 10), DONE], remains()],
  [
    'bytes that were acknowledged after the question',
    [FILE, acknowledged(0, 5), listed(1), DONE],
    remains(),
  ],
  [
    'a list in another order',
    [FILE, acknowledged(0, 9), listed(2, [5, 9], [0, 5]), DONE],
    remains(),
  ],
  ['a cancelled file that is not there', [FILE, CANCELLED], remains([])],
  [
    'a file of which the answer was lost before it was cancelled',
    [FILE, { ...CANCELLED, isPosted: true }],
    remains(),
  ],
  ['progress that falls after a fault', [FILE, seen(60), FAULT, seen(40), DONE], remains()],
  ['progress of two viewers', [FILE, seen(60), seen(40, 'uploading', 'stream'), DONE], remains()],
  [
    'a bot whose answer was lost',
    [{ ...FILE, accountKind: 'bot' }, FAULT, DONE],
    remains([MESSAGE, { ...MESSAGE, id: 8 }]),
  ],
  [
    'a read of the right bytes',
    [FILE, { kind: 'read', file: 'a', span: [1, 2], sha256: 'a 1,2' }, DONE],
    remains(),
  ],
])('nothing is broken by %s', (_name, entries, left) => {
  expect(findBroken(entries, left)).toEqual([])
})

test.each<[string, Entry[], Remains, string]>([
  [
    'lost bytes',
    [FILE, acknowledged(0, 5), acknowledged(5, 10), listed(3, [0, 5], [6, 10]), DONE],
    remains(),
    'gone: 5-10',
  ],
  ['a second message', [FILE, DONE], remains([MESSAGE, { ...MESSAGE, id: 8 }]), 'posted 2 times'],
  ['other bytes', [FILE, DONE], remains([{ ...MESSAGE, sha256: 'x' }]), 'other bytes'],
  ['a message that is not there', [FILE, DONE], remains([]), 'there is no message 7'],
  ['a job that does not end', [FILE, acknowledged(0, 10)], remains([]), 'did not end'],
  [
    'a failure',
    [FILE, { kind: 'failed', file: 'a', why: 'for no reason' }, DONE],
    remains(),
    'for no reason',
  ],
  ['a post after a cancel', [FILE, CANCELLED], remains(), 'posted after'],
  ['progress that falls', [FILE, seen(60), seen(59), DONE], remains(), 'fell from 60 to 59'],
  [
    'an end that is none',
    [FILE, seen(100, 'completed'), FAULT, seen(100), DONE],
    remains(),
    'then uploading',
  ],
  ['a key that was killed', [FILE, DONE], remains([MESSAGE], 1), 'killed'],
  [
    'a read of other bytes',
    [FILE, { kind: 'read', file: 'a', span: [1, 2], sha256: 'x' }, DONE],
    remains(),
    'from 1 to 2',
  ],
  ['a missing webhook', [FILE, DONE], { ...remains(), webhooks: [] }, 'never heard'],
  ['an odd answer', [FILE, DONE, { kind: 'odd', what: 'status 500' }], remains(), 'status 500'],
])('%s is named', (_name, entries, left, sentence) => {
  expect(findBroken(entries, left)).toEqual([expect.stringContaining(sentence)])
})
