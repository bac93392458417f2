import { createAuthMethods } from './auth.ts'
import { channelMethods } from './channels.ts'
import { configMethods } from './config.ts'
import { dialogMethods } from './dialogs.ts'
import { createCdnFiles } from './files/cdn.ts'
import { createFileMethods } from './files/get-file.ts'
import { uploadPartMethods } from './files/upload-parts.ts'
import { deleteMethods } from './messages/delete.ts'
import { editMethods } from './messages/edit.ts'
import { historyMethods } from './messages/history.ts'
import { createSendMethods } from './messages/send.ts'
import type { Methods, OpenMethods } from './method.ts'
import { participantMethods } from './participants.ts'
import { updateMethods } from './updates/difference.ts'
import { userMethods } from './users.ts'

/** The MTProto methods that this Telegram has. */
export interface MethodTable {
  /** Served without a login. */
  open: OpenMethods
  methods: Methods
}

export function createMethodTable(): MethodTable {
  const auth = createAuthMethods()
  const cdn = createCdnFiles()
  return {
    open: { ...configMethods, ...auth.open, ...cdn.open },
    methods: {
      ...auth.methods,
      ...cdn.methods,
      ...userMethods,
      ...channelMethods,
      ...participantMethods,
      ...dialogMethods,
      ...historyMethods,
      ...editMethods,
      ...deleteMethods,
      ...updateMethods,
      ...uploadPartMethods,
      ...createFileMethods(cdn),
      ...createSendMethods(),
    },
  }
}
