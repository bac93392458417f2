import { expect, onTestFinished, test, vi } from 'vitest'
import { createXhrTransport, limited, type Xhr } from '../src/uploads/transport.ts'

test('XMLHttpRequest reports the bytes that leave, and an abort stops it', async () => {
  const { Xhr, last } = makeXhrClass()
  const send = createXhrTransport(Xhr)
  const sent: number[] = []
  const limits = { timeoutMs: 60_000, heldMs: 0 }
  const common = { address: 'http://worker/upload-chunk', form: new FormData(), ...limits }
  const onSent = (bytes: number): void => void sent.push(bytes)
  const leaving = new AbortController()

  const answered = send({ ...common, onSent, signal: leaving.signal })
  last().upload.onprogress?.({ loaded: 7 })
  last().finish()
  const stopped = send({ ...common, onSent, signal: leaving.signal })
  leaving.abort(new Error('left'))

  expect(await answered).toEqual({ status: 200, retryAfter: '3', text: '{}' })
  expect(sent).toEqual([7])
  await expect(stopped).rejects.toThrow('left')
  expect(last().aborted).toBe(true)
})

test('an answer may wait for longer than bytes may, and not for ever', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { Xhr, last } = makeXhrClass()
  const send = createXhrTransport(Xhr)
  const limits = { timeoutMs: 60_000, heldMs: 300_000 }
  const { signal } = new AbortController()
  const request = { address: '', form: new FormData(), onSent: () => {}, signal, ...limits }

  const held = send(request)
  last().upload.onload?.()
  await vi.advanceTimersByTimeAsync(300_000)
  last().finish()
  expect(await held).toMatchObject({ status: 200 })

  const stalled = expect(send(request)).rejects.toMatchObject({ code: 'NETWORK' })
  await vi.advanceTimersByTimeAsync(60_000)
  await stalled

  const lost = expect(send(request)).rejects.toMatchObject({ code: 'NETWORK' })
  last().upload.onload?.()
  await vi.advanceTimersByTimeAsync(360_000)
  await lost
})

test('no more forms are sent at once than the limit, and a waiting one can be aborted', async () => {
  const onTheWay: (() => void)[] = []
  const send = limited(
    () =>
      new Promise((resolve) => {
        onTheWay.push(() => resolve({ status: 200, retryAfter: null, text: '{}' }))
      }),
    2,
  )
  const leaving = new AbortController()
  const limits = { timeoutMs: 1000, heldMs: 0 }
  const request = { address: '', form: new FormData(), onSent: () => {}, ...limits }
  const { signal } = new AbortController()

  const sent = [1, 2].map(() => send({ ...request, signal }))
  const left = send({ ...request, signal: leaving.signal })
  const last = send({ ...request, signal })
  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  const before = onTheWay.length
  onTheWay[0]?.()
  await sent[0]
  await vi.waitFor(() => expect(onTheWay).toHaveLength(3))
  for (const finish of onTheWay) finish()

  expect(before).toBe(2)
  expect(await last).toMatchObject({ status: 200 })
})

interface FakeXhr extends Xhr {
  aborted: boolean
  finish: () => void
}

function makeXhrClass(): { Xhr: new () => Xhr; last: () => FakeXhr } {
  let made: FakeXhr | undefined
  // A function that returns an object is what `new` gives: no class is needed to play one.
  function Xhr(): FakeXhr {
    const xhr: FakeXhr = {
      status: 200,
      responseText: '{}',
      upload: { onprogress: null, onload: null },
      onprogress: null,
      onload: null,
      onerror: null,
      aborted: false,
      open: () => {},
      send: () => {},
      abort: () => {
        xhr.aborted = true
      },
      getResponseHeader: () => '3',
      finish: () => xhr.onload?.(),
    }
    made = xhr
    return xhr
  }
  return {
    Xhr: Xhr as unknown as new () => Xhr,
    last: () => {
      if (!made) throw new Error('no request was made')
      return made
    },
  }
}
