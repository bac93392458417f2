import { expect, test } from 'vitest'
import { createWaitNotifier } from '../../../../src/telegram/mtproto/account/wait-notifier.ts'

test('every subscriber is called for a wait, and a later one at once with the rest of it', () => {
  let now = 0
  const waits = createWaitNotifier(() => now)
  const heard: [string, number][] = []
  waits.subscribe((seconds) => heard.push(['first', seconds]))
  const leave = waits.subscribe((seconds) => heard.push(['leaver', seconds]))
  waits.subscribe(undefined)

  waits.notify(8)
  leave()
  now = 5500
  waits.subscribe((seconds) => heard.push(['late', seconds]))
  now = 8000
  waits.subscribe((seconds) => heard.push(['later', seconds]))
  waits.notify(2)

  expect(heard).toEqual([
    ['first', 8],
    ['leaver', 8],
    ['late', 3],
    ['first', 2],
    ['late', 2],
    ['later', 2],
  ])
})
