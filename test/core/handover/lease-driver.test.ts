import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import {
  createTelegramLease,
  type LeaseDriverOptions,
  type TelegramLease,
} from '../../../src/core/handover/lease-driver.ts'
import {
  type Instance,
  isNewer,
  type PublicAddress,
  type Question,
  type Reply,
} from '../../../src/core/ports/deployment.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { shuttingDown } from '../../../src/errors.ts'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const GRACE_MS = 20_000
const RETURN_MS = 180_000
const NEWER: Instance = { id: 'newer', startedAt: 2 }
const { signal } = new AbortController()

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('without an address an instance acquires Telegram at once', () => {
  const { start } = createHost()

  const alone = start('a', { knowsAddress: false })

  expect(alone.connected).toBe(true)
})

test('without an address and with a delay, the delay comes first', async () => {
  const { start } = createHost()

  const alone = start('a', { knowsAddress: false, startupDelayMs: 60_000 })

  await vi.advanceTimersByTimeAsync(59_000)
  expect(alone.connected).toBe(false)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(alone.connected).toBe(true)
})

test('an instance that is woken up answers itself and does not wait for the delay', async () => {
  const host = createHost()
  host.publish(null)
  const woken = host.start('a', { startupDelayMs: 60_000 })

  await vi.advanceTimersByTimeAsync(1_000)
  expect(woken.connected).toBe(false)
  host.publish(woken)
  await vi.advanceTimersByTimeAsync(10)

  expect(woken.connected).toBe(true)
})

test('an address that holds the question for ever keeps the health check back for seconds only', async () => {
  const host = createHost()
  host.publish(null)

  const woken = host.start('a')

  expect(woken.lease.awaitsOlder).toBe(true)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(woken.lease.awaitsOlder).toBe(false)
})

test('a start that is slow to ask takes none of these seconds', async () => {
  const host = createHost()
  host.publish(null)
  const slow = host.start('a', { asks: false })

  await vi.advanceTimersByTimeAsync(60_000)
  expect(slow.lease.awaitsOlder).toBe(true)
  slow.lease.start()

  await vi.advanceTimersByTimeAsync(4_900)
  expect(slow.lease.awaitsOlder).toBe(true)
  await vi.advanceTimersByTimeAsync(100)
  expect(slow.lease.awaitsOlder).toBe(false)
})

test('where no instance is at the address, the delay comes first', async () => {
  const host = createHost()
  host.publish({ kind: 'absent', reason: 'status 404' })

  const one = host.start('a', { startupDelayMs: 60_000 })

  await vi.advanceTimersByTimeAsync(59_000)
  expect(one.connected).toBe(false)
  expect(one.lease.awaitsOlder).toBe(false)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(one.connected).toBe(true)
})

test('an address that never answers counts as absent: an instance that is stuck gets the delay', async () => {
  const host = createHost()
  host.publish(null)

  const young = host.start('young', { startupDelayMs: 60_000 })

  await vi.advanceTimersByTimeAsync(GRACE_MS + 60_000)
  expect(young.connected).toBe(false)
  await vi.advanceTimersByTimeAsync(11_000)
  expect(young.connected).toBe(true)
})

test('the old instance drains and disconnects before the new one connects', async () => {
  const host = createHost()
  const old = await host.running('old', { drainMs: 3_000 })

  const young = host.start('young')

  await vi.advanceTimersByTimeAsync(2_900)
  expect([old.connected, young.connected]).toEqual([true, false])
  expect(young.lease.awaitsOlder).toBe(true)
  expect(() => old.workGate.assertNew()).toThrow('restarting')
  expect(() => old.workGate.assertMore()).not.toThrow()
  await vi.advanceTimersByTimeAsync(200)
  expect([old.connected, young.connected]).toEqual([false, true])
  expect(() => old.workGate.assertMore()).toThrow('restarting')
  expect(young.lease.awaitsOlder).toBe(false)
})

test('an old instance that was asked releases even when traffic has moved before it could answer', async () => {
  const host = createHost()
  const old = await host.running('old', { drainMs: 3_000 })
  const young = host.start('young')
  await vi.advanceTimersByTimeAsync(10)

  host.publish(young)
  await vi.advanceTimersByTimeAsync(GRACE_MS)

  expect(old.connected).toBe(false)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(young.connected).toBe(true)
})

test('an old instance that never releases is waited for no longer than it has promised', async () => {
  const host = createHost()
  await host.running('old', { drainMs: 10 * GRACE_MS })

  const young = host.start('young')

  await vi.advanceTimersByTimeAsync(GRACE_MS)
  expect(young.connected).toBe(false)
  await vi.advanceTimersByTimeAsync(15_000)
  expect(young.connected).toBe(true)
  expect(young.log).toContain('the older instance has not let go of Telegram in time')
})

test('an old instance that is not stopped takes Telegram back when the new one never came up', async () => {
  const host = createHost()
  const old = await host.running('old')
  const young = host.start('young')
  await vi.advanceTimersByTimeAsync(100)
  expect([old.connected, young.connected]).toEqual([false, true])

  host.kill(young)
  await vi.advanceTimersByTimeAsync(RETURN_MS + 100)

  expect(old.connected).toBe(true)
  expect(() => old.workGate.assertNew()).not.toThrow()
  expect(old.resumed).toBe(2)
})

test('an old instance that is not stopped leaves Telegram to the new one that answers', async () => {
  const host = createHost()
  const old = await host.running('old')
  const young = host.start('young')
  await vi.advanceTimersByTimeAsync(100)
  host.publish(young)

  await vi.advanceTimersByTimeAsync(5 * RETURN_MS)

  expect([old.connected, young.connected]).toEqual([false, true])
})

test('an address that is silent for a moment does not bring the old instance back', async () => {
  const host = createHost()
  const old = await host.running('old')
  const young = host.start('young')
  await vi.advanceTimersByTimeAsync(100)

  host.publish({ kind: 'unclear', reason: 'status 502' })
  await vi.advanceTimersByTimeAsync(RETURN_MS + 1_000)
  host.publish(young)
  await vi.advanceTimersByTimeAsync(2 * RETURN_MS)

  expect([old.connected, young.connected]).toEqual([false, true])
})

test.each([
  ['the older', 0],
  ['the newer', 1],
])(
  'of two instances that start at once, with %s at the address, the newer has Telegram',
  async (_instance, at) => {
    const host = createHost()
    host.publish(null)
    const older = host.start('older')
    await vi.advanceTimersByTimeAsync(5)
    const newer = host.start('newer')

    host.publish([older, newer][at] ?? null)
    await vi.advanceTimersByTimeAsync(5_000)
    host.publish(newer)
    await vi.advanceTimersByTimeAsync(RETURN_MS)

    expect([older.connected, newer.connected]).toEqual([false, true])
    expect(host.mostConnected()).toBe(1)
  },
)

test('two instances that were started in the same millisecond never both connect', async () => {
  const host = createHost()
  host.publish(null)
  const [one, other] = [host.start('1'), host.start('2')]

  host.publish(one)
  await vi.advanceTimersByTimeAsync(2 * GRACE_MS)

  expect([one.connected, other.connected].filter(Boolean)).toHaveLength(1)
  expect(host.mostConnected()).toBe(1)
})

test('two instances that ask the same old one do not both connect', async () => {
  const host = createHost()
  await host.running('old', { drainMs: 3_000 })
  const second = host.start('second')
  await vi.advanceTimersByTimeAsync(1_000)
  const third = host.start('third')

  await vi.advanceTimersByTimeAsync(10_000)

  expect([second.connected, third.connected]).toEqual([false, true])
  expect(host.mostConnected()).toBe(1)
})

test('an instance that replaces a new one that died acquires Telegram after a while', async () => {
  const host = createHost()
  const old = await host.running('old')
  const crashing = host.start('crashing')
  await vi.advanceTimersByTimeAsync(100)
  host.kill(crashing)

  const next = host.start('next')
  await vi.advanceTimersByTimeAsync(GRACE_MS + 11_000)

  expect([old.connected, next.connected]).toEqual([false, true])
})

test('a close while it asks ends the asking, and it never connects', async () => {
  const host = createHost()
  host.publish(null)
  const one = host.start('a')

  await one.lease.close({ hurry: false })
  host.publish(one)
  await vi.advanceTimersByTimeAsync(RETURN_MS * 2)

  expect(one.connected).toBe(false)
  expect(host.mostConnected()).toBe(0)
})

test('a question that cannot be asked is logged, and does not keep it from Telegram', async () => {
  const { lease, log, opened } = startAlone({
    ask: async () => {
      throw new TypeError('not a URL')
    },
  })

  await vi.advanceTimersByTimeAsync(0)

  expect(lease.readiness()).toEqual({ ready: true })
  expect(opened()).toBe(1)
  expect(log.entries).toContainEqual(
    expect.objectContaining({ level: 'error', message: 'asking for Telegram has failed' }),
  )
})

test('a release that fails is logged, and counts as one: the process is about to end', async () => {
  const { lease, log } = startAlone({
    release: async () => {
      throw new Error('a socket is in the way')
    },
  })
  await vi.advanceTimersByTimeAsync(0)

  const answer = await lease.answer({ instance: NEWER, intent: 'start', wait: true }, signal)

  expect(answer).toMatchObject({ state: 'released', withinMs: 0 })
  expect(log.entries).toContainEqual(
    expect.objectContaining({ level: 'error', message: 'letting go of Telegram has failed' }),
  )
})

test('a close during a release waits for its end, and begins no second one', async () => {
  const hurries: boolean[] = []
  const { lease } = startAlone({
    release: async ({ hurry }) => {
      hurries.push(hurry)
      await sleep(3_000)
    },
  })
  await vi.advanceTimersByTimeAsync(0)
  await lease.answer({ instance: NEWER, intent: 'start', wait: false }, signal)
  let closed = false

  void lease.close({ hurry: true }).then(() => {
    closed = true
  })

  await vi.advanceTimersByTimeAsync(2_900)
  expect(closed).toBe(false)
  await vi.advanceTimersByTimeAsync(100)
  expect(closed).toBe(true)
  expect(hurries).toEqual([false])
})

test('an answer that waits for the release ends when the asker leaves, and the release goes on', async () => {
  let released = false
  const { lease } = startAlone({
    release: async () => {
      await sleep(3_000)
      released = true
    },
  })
  await vi.advanceTimersByTimeAsync(0)
  const asker = new AbortController()
  const answer = lease.answer({ instance: NEWER, intent: 'start', wait: true }, asker.signal)
  const ended = expect(answer).rejects.toThrow('the asker has left')

  asker.abort(new Error('the asker has left'))

  await ended
  expect(released).toBe(false)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(released).toBe(true)
})

test('no timer is left once it is closed', async () => {
  const { lease } = startAlone({ ask: async () => ({ kind: 'unclear', reason: 'status 502' }) })
  await vi.advanceTimersByTimeAsync(100)
  expect(vi.getTimerCount()).toBe(1)

  await lease.close({ hurry: true })

  expect(vi.getTimerCount()).toBe(0)
})

test('whatever the order of deploys, no two instances are connected at one moment', async () => {
  const deploys = fc.array(
    fc.record({
      gapMs: fc.integer({ min: 0, max: 40_000 }),
      drainMs: fc.integer({ min: 0, max: GRACE_MS - 1 }),
      /** From a passing health check to the traffic. */
      switchMs: fc.integer({ min: 0, max: 8_000 }),
    }),
    { minLength: 2, maxLength: 4 },
  )

  await fc.assert(
    fc.asyncProperty(deploys, async (wanted) => {
      const host = createHost()
      await host.running('0')
      for (const [at, { gapMs, drainMs, switchMs }] of wanted.entries()) {
        await vi.advanceTimersByTimeAsync(gapMs)
        host.deploy(String(at + 1), { drainMs, switchMs })
      }
      await vi.advanceTimersByTimeAsync(2 * RETURN_MS)
      expect(host.mostConnected()).toBe(1)
      expect(host.connected()).toEqual([String(wanted.length)])
      host.closeAll()
    }),
    { numRuns: 60, seed: 20_261_122 },
  )
})

/** One instance on its own; by default it has the address itself, and releases at once. */
function startAlone(
  parts: { ask?: PublicAddress['ask']; release?: LeaseDriverOptions['release'] } = {},
) {
  const log = createRecordingLog()
  const instance = { id: 'alone', startedAt: 1 }
  let opened = 0
  const itself: PublicAddress['ask'] = async () => ({
    kind: 'answered',
    answer: { instance, state: 'self', withinMs: 0 },
  })
  const lease = createTelegramLease({
    instance,
    address: { ask: parts.ask ?? itself },
    workGate: createWorkGate(),
    gate: { open: () => void opened++ },
    release: parts.release ?? (async () => {}),
    onHeld: () => {},
    graceMs: GRACE_MS,
    startupDelayMs: 0,
    returnAfterMs: RETURN_MS,
    log,
  })
  onTestFinished(() => void lease.close({ hurry: true }))
  lease.start()
  return { lease, log, opened: () => opened }
}

interface RunOptions {
  knowsAddress?: boolean
  startupDelayMs?: number
  drainMs?: number
  asks?: boolean
}

interface Running {
  instance: Instance
  lease: TelegramLease
  workGate: ReturnType<typeof createWorkGate>
  readonly connected: boolean
  readonly resumed: number
  readonly log: string[]
}

/** The public address of a deployment, and its instances: what the host's proxy does, in memory. */
function createHost() {
  let published: Running | Reply | null = null
  const instances: Running[] = []
  const dead = new Set<Running>()
  let most = 0

  const countConnected = (): void => {
    most = Math.max(most, instances.filter((one) => one.connected).length)
  }

  async function ask(instance: Instance, question: Question, signal: AbortSignal): Promise<Reply> {
    // A null address holds the question, as the proxy of a service that sleeps.
    while (published === null) await sleep(1, signal)
    await sleep(1, signal)
    const target = published
    if ('kind' in target) return target
    if (dead.has(target)) return { kind: 'unclear', reason: 'status 502' }
    const answer = await target.lease.answer({ instance, ...question }, signal)
    return { kind: 'answered', answer }
  }

  function publish(target: Running | Reply | null): void {
    published = target
  }

  function start(id: string, options: RunOptions = {}): Running {
    const { knowsAddress = true, startupDelayMs = 0, drainMs = 0, asks = true } = options
    const instance = { id, startedAt: Date.now() }
    const workGate = createWorkGate()
    const log = createRecordingLog()
    let connected = false
    let resumed = 0
    const address: PublicAddress = { ask: (question, signal) => ask(instance, question, signal) }
    const lease = createTelegramLease({
      instance,
      address: knowsAddress ? address : null,
      workGate,
      gate: {
        open: () => {
          connected = true
          countConnected()
        },
      },
      release: async ({ hurry }) => {
        workGate.startDraining()
        if (!hurry) await sleep(drainMs)
        connected = false
        workGate.close(shuttingDown())
      },
      onHeld: () => {
        resumed++
      },
      graceMs: GRACE_MS,
      startupDelayMs,
      returnAfterMs: RETURN_MS,
      log,
    })
    const one: Running = {
      instance,
      lease,
      workGate,
      get connected() {
        return connected && !dead.has(one)
      },
      get resumed() {
        return resumed
      },
      get log() {
        return log.entries.map(({ message }) => message)
      },
    }
    instances.push(one)
    onTestFinished(() => void lease.close({ hurry: true }))
    if (asks) lease.start()
    return one
  }

  return {
    start,
    /** One that has Telegram and is at the address. */
    running: async (id: string, options: RunOptions = {}): Promise<Running> => {
      const one = start(id, options)
      publish(one)
      await vi.advanceTimersByTimeAsync(10)
      return one
    },
    publish,
    /** Traffic moves to the newest whose health check passes, a little later. */
    deploy: (id: string, { switchMs, ...options }: RunOptions & { switchMs: number }): void => {
      const one = start(id, options)
      const look = setInterval(() => {
        if (one.lease.awaitsOlder) return
        clearInterval(look)
        setTimeout(() => {
          const at = published !== null && 'instance' in published ? published.instance : null
          if (at === null || isNewer(one.instance, at)) publish(one)
        }, switchMs)
      }, 500)
    },
    connected: () => instances.filter((one) => one.connected).map((one) => one.instance.id),
    closeAll: (): void => {
      for (const { lease } of instances) void lease.close({ hurry: true })
    },
    kill: (one: Running): void => void dead.add(one),
    mostConnected: () => most,
  }
}
