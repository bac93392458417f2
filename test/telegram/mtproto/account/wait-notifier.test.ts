import { expect, test } from 'vitest'
import { createWaitNews } from '../../../../src/telegram/mtproto/account/wait-notifier.ts'

test('everybody who shares the work hears of a wait, those who come later of the rest of it', () => {
  let now = 0
  const news = createWaitNews(() => now)
  const heard: [string, number][] = []
  news.hear((seconds) => heard.push(['first', seconds]))
  const leave = news.hear((seconds) => heard.push(['leaver', seconds]))
  news.hear(undefined)

  news.tell(8)
  leave()
  now = 5500
  news.hear((seconds) => heard.push(['late', seconds]))
  now = 8000
  news.hear((seconds) => heard.push(['later', seconds]))
  news.tell(2)

  expect(heard).toEqual([
    ['first', 8],
    ['leaver', 8],
    ['late', 3],
    ['first', 2],
    ['late', 2],
    ['later', 2],
  ])
})
