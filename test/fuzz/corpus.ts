import { chunkCorpus } from './corpus/chunks.ts'
import { downloadCorpus } from './corpus/downloads.ts'
import { fieldCorpus } from './corpus/fields.ts'
import { cutCorpus, formCorpus } from './corpus/forms.ts'
import { framingCorpus } from './corpus/framing.ts'
import { jsonCorpus } from './corpus/json.ts'
import { pathCorpus } from './corpus/paths.ts'
import { protocolCorpus } from './corpus/protocol.ts'
import { queryCorpus } from './corpus/queries.ts'
import { tusCorpus } from './corpus/tus.ts'
import type { HostileRequest } from './requests.ts'

/** Hostile requests that were written by hand, by what they attack. */
export const CORPUS: Readonly<Record<string, readonly HostileRequest[]>> = {
  protocol: protocolCorpus,
  framing: framingCorpus,
  paths: pathCorpus,
  json: jsonCorpus,
  fields: fieldCorpus,
  forms: formCorpus,
  chunks: chunkCorpus,
  downloads: downloadCorpus,
  queries: queryCorpus,
  tus: tusCorpus,
  cuts: cutCorpus(),
}
