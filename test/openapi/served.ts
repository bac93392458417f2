import { startWorker } from '../helpers/worker/app.ts'
import type { ApiDocument } from './document.ts'

let served: ApiDocument | null = null

/** The document as a worker serves it; asked for once. */
export async function servedDocument(): Promise<ApiDocument> {
  if (served) return served
  const { url, close } = await startWorker()
  const answer = await fetch(`${url}/docs/json`)
  served = (await answer.json()) as ApiDocument
  await close()
  return served
}
