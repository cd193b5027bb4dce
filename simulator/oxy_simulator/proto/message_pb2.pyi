from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageKey(_message.Message):
    __slots__ = ("remote_jid", "from_me", "id", "participant")
    REMOTE_JID_FIELD_NUMBER: _ClassVar[int]
    FROM_ME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    remote_jid: str
    from_me: bool
    id: str
    participant: str
    def __init__(self, remote_jid: _Optional[str] = ..., from_me: _Optional[bool] = ..., id: _Optional[str] = ..., participant: _Optional[str] = ...) -> None: ...

class MessageContextInfo(_message.Message):
    __slots__ = ("message_secret",)
    MESSAGE_SECRET_FIELD_NUMBER: _ClassVar[int]
    message_secret: bytes
    def __init__(self, message_secret: _Optional[bytes] = ...) -> None: ...

class ContextInfo(_message.Message):
    __slots__ = ("stanza_id", "participant", "quoted_message")
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANT_FIELD_NUMBER: _ClassVar[int]
    QUOTED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    stanza_id: str
    participant: str
    quoted_message: Message
    def __init__(self, stanza_id: _Optional[str] = ..., participant: _Optional[str] = ..., quoted_message: _Optional[_Union[Message, _Mapping[str, object]]] = ...) -> None: ...

class ExtendedTextMessage(_message.Message):
    __slots__ = ("text", "context_info")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    text: str
    context_info: ContextInfo
    def __init__(self, text: _Optional[str] = ..., context_info: _Optional[_Union[ContextInfo, _Mapping[str, object]]] = ...) -> None: ...

class SenderKeyDistributionMessage(_message.Message):
    __slots__ = ("group_id", "axolotl_sender_key_distribution_message")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AXOLOTL_SENDER_KEY_DISTRIBUTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    axolotl_sender_key_distribution_message: bytes
    def __init__(self, group_id: _Optional[str] = ..., axolotl_sender_key_distribution_message: _Optional[bytes] = ...) -> None: ...

class AppStateSyncKeyId(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    def __init__(self, key_id: _Optional[bytes] = ...) -> None: ...

class AppStateSyncKeyFingerprint(_message.Message):
    __slots__ = ("raw_id", "current_index", "device_indexes")
    RAW_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    DEVICE_INDEXES_FIELD_NUMBER: _ClassVar[int]
    raw_id: int
    current_index: int
    device_indexes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, raw_id: _Optional[int] = ..., current_index: _Optional[int] = ..., device_indexes: _Optional[_Iterable[int]] = ...) -> None: ...

class AppStateSyncKeyData(_message.Message):
    __slots__ = ("key_data", "fingerprint", "timestamp")
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    key_data: bytes
    fingerprint: AppStateSyncKeyFingerprint
    timestamp: int
    def __init__(self, key_data: _Optional[bytes] = ..., fingerprint: _Optional[_Union[AppStateSyncKeyFingerprint, _Mapping[str, object]]] = ..., timestamp: _Optional[int] = ...) -> None: ...

class AppStateSyncKey(_message.Message):
    __slots__ = ("key_id", "key_data")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    key_id: AppStateSyncKeyId
    key_data: AppStateSyncKeyData
    def __init__(self, key_id: _Optional[_Union[AppStateSyncKeyId, _Mapping[str, object]]] = ..., key_data: _Optional[_Union[AppStateSyncKeyData, _Mapping[str, object]]] = ...) -> None: ...

class AppStateSyncKeyShare(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[AppStateSyncKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[AppStateSyncKey, _Mapping[str, object]]]] = ...) -> None: ...

class AppStateSyncKeyRequest(_message.Message):
    __slots__ = ("key_ids",)
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    key_ids: _containers.RepeatedCompositeFieldContainer[AppStateSyncKeyId]
    def __init__(self, key_ids: _Optional[_Iterable[_Union[AppStateSyncKeyId, _Mapping[str, object]]]] = ...) -> None: ...

class ProtocolMessage(_message.Message):
    __slots__ = ("key", "type", "app_state_sync_key_share", "app_state_sync_key_request", "edited_message", "timestamp_ms")
    class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REVOKE: _ClassVar[ProtocolMessage.Type]
        APP_STATE_SYNC_KEY_SHARE: _ClassVar[ProtocolMessage.Type]
        APP_STATE_SYNC_KEY_REQUEST: _ClassVar[ProtocolMessage.Type]
        MESSAGE_EDIT: _ClassVar[ProtocolMessage.Type]
        PEER_DATA_OPERATION_REQUEST_MESSAGE: _ClassVar[ProtocolMessage.Type]
    REVOKE: ProtocolMessage.Type
    APP_STATE_SYNC_KEY_SHARE: ProtocolMessage.Type
    APP_STATE_SYNC_KEY_REQUEST: ProtocolMessage.Type
    MESSAGE_EDIT: ProtocolMessage.Type
    PEER_DATA_OPERATION_REQUEST_MESSAGE: ProtocolMessage.Type
    KEY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    APP_STATE_SYNC_KEY_SHARE_FIELD_NUMBER: _ClassVar[int]
    APP_STATE_SYNC_KEY_REQUEST_FIELD_NUMBER: _ClassVar[int]
    EDITED_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    key: MessageKey
    type: ProtocolMessage.Type
    app_state_sync_key_share: AppStateSyncKeyShare
    app_state_sync_key_request: AppStateSyncKeyRequest
    edited_message: Message
    timestamp_ms: int
    def __init__(self, key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., type: _Optional[_Union[ProtocolMessage.Type, str]] = ..., app_state_sync_key_share: _Optional[_Union[AppStateSyncKeyShare, _Mapping[str, object]]] = ..., app_state_sync_key_request: _Optional[_Union[AppStateSyncKeyRequest, _Mapping[str, object]]] = ..., edited_message: _Optional[_Union[Message, _Mapping[str, object]]] = ..., timestamp_ms: _Optional[int] = ...) -> None: ...

class DeviceSentMessage(_message.Message):
    __slots__ = ("destination_jid", "message", "phash")
    DESTINATION_JID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PHASH_FIELD_NUMBER: _ClassVar[int]
    destination_jid: str
    message: Message
    phash: str
    def __init__(self, destination_jid: _Optional[str] = ..., message: _Optional[_Union[Message, _Mapping[str, object]]] = ..., phash: _Optional[str] = ...) -> None: ...

class ReactionMessage(_message.Message):
    __slots__ = ("key", "text", "sender_timestamp_ms")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SENDER_TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    key: MessageKey
    text: str
    sender_timestamp_ms: int
    def __init__(self, key: _Optional[_Union[MessageKey, _Mapping[str, object]]] = ..., text: _Optional[str] = ..., sender_timestamp_ms: _Optional[int] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("conversation", "sender_key_distribution_message", "extended_text_message", "protocol_message", "device_sent_message", "message_context_info", "reaction_message")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SENDER_KEY_DISTRIBUTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXTENDED_TEXT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_SENT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_CONTEXT_INFO_FIELD_NUMBER: _ClassVar[int]
    REACTION_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    sender_key_distribution_message: SenderKeyDistributionMessage
    extended_text_message: ExtendedTextMessage
    protocol_message: ProtocolMessage
    device_sent_message: DeviceSentMessage
    message_context_info: MessageContextInfo
    reaction_message: ReactionMessage
    def __init__(self, conversation: _Optional[str] = ..., sender_key_distribution_message: _Optional[_Union[SenderKeyDistributionMessage, _Mapping[str, object]]] = ..., extended_text_message: _Optional[_Union[ExtendedTextMessage, _Mapping[str, object]]] = ..., protocol_message: _Optional[_Union[ProtocolMessage, _Mapping[str, object]]] = ..., device_sent_message: _Optional[_Union[DeviceSentMessage, _Mapping[str, object]]] = ..., message_context_info: _Optional[_Union[MessageContextInfo, _Mapping[str, object]]] = ..., reaction_message: _Optional[_Union[ReactionMessage, _Mapping[str, object]]] = ...) -> None: ...
