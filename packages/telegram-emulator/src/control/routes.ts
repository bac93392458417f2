import type { z } from 'zod'
import type { CreateAccountOptions, EmulatedAccount, ListedMessage } from '../contract.ts'
import type { Actions } from '../faults/actions.ts'
import type { CountersSnapshot } from '../faults/counters.ts'
import type { Faults } from '../faults/faults.ts'
import type { EmulatorSettings } from '../settings.ts'
import { accountRequest, action, faultRule, settingsChange } from './schemas.ts'

/** The parts of the emulator that the control endpoint controls. */
export interface Controlled {
  faults: Faults
  actions: Actions
  settings: () => EmulatorSettings
  counters: () => CountersSnapshot
  resetCounters: () => void
  createAccount: (options: CreateAccountOptions) => EmulatedAccount
  messages: (channelId: string) => Promise<ListedMessage[]>
}

export interface ControlRequest {
  query: URLSearchParams
  body: unknown
}

type Route = (controlled: Controlled, request: ControlRequest) => unknown

export const controlRoutes: Record<string, Route> = {
  'GET /counters': ({ counters }) => counters(),
  'POST /counters/reset': ({ resetCounters }) => done(resetCounters()),
  'GET /faults': ({ faults }) => faults.list(),
  'POST /faults': ({ faults }, { body }) => ({ id: faults.add(faultRule.parse(body)) }),
  'DELETE /faults': ({ faults }) => done(faults.clear()),
  'POST /actions': async ({ actions }, { body }) => ({
    result: (await act(actions, action.parse(body))) ?? null,
  }),
  'POST /accounts': ({ createAccount }, { body }) => createAccount(accountRequest.parse(body)),
  'GET /messages': ({ messages }, { query }) => messages(query.get('channelId') ?? ''),
  'GET /settings': ({ settings }) => settings(),
  'POST /settings': ({ actions }, { body }) => actions.changeSettings(settingsChange.parse(body)),
}

const done = (_: unknown): { ok: true } => ({ ok: true })

function act(actions: Actions, wanted: z.infer<typeof action>): unknown {
  switch (wanted.action) {
    case 'expire-file-references':
      return actions.expireFileReferences()
    case 'lose-parts':
      return actions.loseParts(wanted.fileId, wanted.parts)
    case 'revoke-key':
      return actions.revokeKey(wanted.authKeyId, wanted.how)
    case 'forget-random-ids':
      return actions.forgetRandomIds()
    case 'cut-connections':
      return actions.cutConnections()
    case 'migrate-documents':
      return actions.migrateDocuments(wanted.dcId, wanted.documentId)
    case 'set-role':
      return actions.setRole(wanted)
  }
}
