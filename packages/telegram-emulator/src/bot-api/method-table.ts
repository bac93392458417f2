import type { BotMethod } from './call.ts'
import {
  deleteMessage,
  deleteMessages,
  editMessageCaption,
  editMessageText,
} from './methods/edit.ts'
import { copyMessage, forwardMessage } from './methods/forward.ts'
import { getFile } from './methods/get-file.ts'
import { getUpdates, getWebhookInfo } from './methods/get-updates.ts'
import { getChat, getChatAdministrators, getChatMember } from './methods/members.ts'
import { sendDocument, sendVideo } from './methods/send-files.ts'
import { sendMessage } from './methods/send-message.ts'
import { toBotItself } from './objects/user.ts'

/** The methods of the Bot API that this Telegram has; parameters that it does not know are ignored. */
export const botMethods: Record<string, BotMethod> = {
  getMe: ({ bot }) => toBotItself(bot),
  getChat,
  getChatAdministrators,
  getChatMember,
  sendMessage,
  sendDocument,
  sendVideo,
  copyMessage,
  forwardMessage,
  editMessageText,
  editMessageCaption,
  deleteMessage,
  deleteMessages,
  getFile,
  getUpdates,
  getWebhookInfo,
  deleteWebhook: () => true,
}

const byLowerCase = new Map(
  Object.entries(botMethods).map(([name, method]) => [name.toLowerCase(), method]),
)

/** "All methods in the Bot API are case-insensitive". */
export const findBotMethod = (name: string): BotMethod | undefined =>
  byLowerCase.get(name.toLowerCase())
