import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { downloadUrl, sha256, uploadFile } from './client.ts'

export interface Traffic {
  /** Resolves when so many more uploads and as many more downloads have succeeded. */
  more: (count: number) => Promise<void>
  /** Lets what runs end; the digests of all files that a client was told are in Telegram. */
  stop: () => Promise<{ posted: string[]; failures: string[] }>
  /** Begins nothing more, and waits for nothing. */
  abandon: () => void
}

/** What a client does when it is refused or cut: it comes again, soon. */
const AGAIN_MS = 100

/** Clients that upload and download without a pause, and try again after every failure. */
export function startTraffic(url: string): Traffic {
  const posted: string[] = []
  const failures: string[] = []
  let downloads = 0
  let stopping = false

  async function upload(): Promise<void> {
    const bytes = randomBytes(MiB)
    const end = await uploadFile(url, 'u.bin', bytes, { token: 'main', chunkSize: MiB / 4 })
    posted.push(sha256(bytes))
    const response = await fetch(downloadUrl(url, end.messageId, 'main'))
    const back = new Uint8Array(await response.arrayBuffer())
    if (!response.ok) return
    if (sha256(back) !== sha256(bytes)) failures.push(`message ${end.messageId} came back wrong`)
    downloads++
  }

  async function client(): Promise<void> {
    while (!stopping) {
      // A session that was lost with its instance's disk is begun anew, as a person would.
      await upload().catch(() => wait(AGAIN_MS))
    }
  }

  const running = Promise.all([client(), client(), client()])
  const stop = async (): Promise<{ posted: string[]; failures: string[] }> => {
    stopping = true
    await running
    return { posted, failures }
  }
  const abandon = (): void => {
    stopping = true
  }
  onTestFinished(abandon)
  return {
    stop,
    abandon,
    more: async (count) => {
      const [uploadsWanted, downloadsWanted] = [posted.length + count, downloads + count]
      while (posted.length < uploadsWanted || downloads < downloadsWanted) await wait(50)
    },
  }
}
