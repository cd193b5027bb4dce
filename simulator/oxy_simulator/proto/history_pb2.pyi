from oxy_simulator.proto import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HistorySyncNotification(_message.Message):
    __slots__ = ("sync_type", "chunk_order", "original_message_id", "progress", "initial_hist_bootstrap_inline_payload", "peer_data_request_session_id")
    SYNC_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ORDER_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_HIST_BOOTSTRAP_INLINE_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PEER_DATA_REQUEST_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    sync_type: int
    chunk_order: int
    original_message_id: str
    progress: int
    initial_hist_bootstrap_inline_payload: bytes
    peer_data_request_session_id: str
    def __init__(self, sync_type: _Optional[int] = ..., chunk_order: _Optional[int] = ..., original_message_id: _Optional[str] = ..., progress: _Optional[int] = ..., initial_hist_bootstrap_inline_payload: _Optional[bytes] = ..., peer_data_request_session_id: _Optional[str] = ...) -> None: ...

class PeerDataOperationRequestMessage(_message.Message):
    __slots__ = ("peer_data_operation_request_type", "history_sync_on_demand_request", "placeholder_message_resend_request")
    class HistorySyncOnDemandRequest(_message.Message):
        __slots__ = ("chat_jid", "oldest_msg_id", "oldest_msg_from_me", "on_demand_msg_count")
        CHAT_JID_FIELD_NUMBER: _ClassVar[int]
        OLDEST_MSG_ID_FIELD_NUMBER: _ClassVar[int]
        OLDEST_MSG_FROM_ME_FIELD_NUMBER: _ClassVar[int]
        ON_DEMAND_MSG_COUNT_FIELD_NUMBER: _ClassVar[int]
        chat_jid: str
        oldest_msg_id: str
        oldest_msg_from_me: bool
        on_demand_msg_count: int
        def __init__(self, chat_jid: _Optional[str] = ..., oldest_msg_id: _Optional[str] = ..., oldest_msg_from_me: _Optional[bool] = ..., on_demand_msg_count: _Optional[int] = ...) -> None: ...
    class PlaceholderMessageResendRequest(_message.Message):
        __slots__ = ("message_key",)
        MESSAGE_KEY_FIELD_NUMBER: _ClassVar[int]
        message_key: _message_pb2.MessageKey
        def __init__(self, message_key: _Optional[_Union[_message_pb2.MessageKey, _Mapping[str, object]]] = ...) -> None: ...
    PEER_DATA_OPERATION_REQUEST_TYPE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_SYNC_ON_DEMAND_REQUEST_FIELD_NUMBER: _ClassVar[int]
    PLACEHOLDER_MESSAGE_RESEND_REQUEST_FIELD_NUMBER: _ClassVar[int]
    peer_data_operation_request_type: int
    history_sync_on_demand_request: PeerDataOperationRequestMessage.HistorySyncOnDemandRequest
    placeholder_message_resend_request: _containers.RepeatedCompositeFieldContainer[PeerDataOperationRequestMessage.PlaceholderMessageResendRequest]
    def __init__(self, peer_data_operation_request_type: _Optional[int] = ..., history_sync_on_demand_request: _Optional[_Union[PeerDataOperationRequestMessage.HistorySyncOnDemandRequest, _Mapping[str, object]]] = ..., placeholder_message_resend_request: _Optional[_Iterable[_Union[PeerDataOperationRequestMessage.PlaceholderMessageResendRequest, _Mapping[str, object]]]] = ...) -> None: ...

class PeerDataOperationRequestResponseMessage(_message.Message):
    __slots__ = ("peer_data_operation_request_type", "stanza_id", "peer_data_operation_result")
    class PeerDataOperationResult(_message.Message):
        __slots__ = ("placeholder_message_resend_response",)
        class PlaceholderMessageResendResponse(_message.Message):
            __slots__ = ("web_message_info_bytes",)
            WEB_MESSAGE_INFO_BYTES_FIELD_NUMBER: _ClassVar[int]
            web_message_info_bytes: bytes
            def __init__(self, web_message_info_bytes: _Optional[bytes] = ...) -> None: ...
        PLACEHOLDER_MESSAGE_RESEND_RESPONSE_FIELD_NUMBER: _ClassVar[int]
        placeholder_message_resend_response: PeerDataOperationRequestResponseMessage.PeerDataOperationResult.PlaceholderMessageResendResponse
        def __init__(self, placeholder_message_resend_response: _Optional[_Union[PeerDataOperationRequestResponseMessage.PeerDataOperationResult.PlaceholderMessageResendResponse, _Mapping[str, object]]] = ...) -> None: ...
    PEER_DATA_OPERATION_REQUEST_TYPE_FIELD_NUMBER: _ClassVar[int]
    STANZA_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_DATA_OPERATION_RESULT_FIELD_NUMBER: _ClassVar[int]
    peer_data_operation_request_type: int
    stanza_id: str
    peer_data_operation_result: _containers.RepeatedCompositeFieldContainer[PeerDataOperationRequestResponseMessage.PeerDataOperationResult]
    def __init__(self, peer_data_operation_request_type: _Optional[int] = ..., stanza_id: _Optional[str] = ..., peer_data_operation_result: _Optional[_Iterable[_Union[PeerDataOperationRequestResponseMessage.PeerDataOperationResult, _Mapping[str, object]]]] = ...) -> None: ...

class LIDMigrationMappingSyncMessage(_message.Message):
    __slots__ = ("encoded_mapping_payload",)
    ENCODED_MAPPING_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    encoded_mapping_payload: bytes
    def __init__(self, encoded_mapping_payload: _Optional[bytes] = ...) -> None: ...

class LIDMigrationMapping(_message.Message):
    __slots__ = ("pn", "assigned_lid")
    PN_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_LID_FIELD_NUMBER: _ClassVar[int]
    pn: int
    assigned_lid: int
    def __init__(self, pn: _Optional[int] = ..., assigned_lid: _Optional[int] = ...) -> None: ...

class LIDMigrationMappingSyncPayload(_message.Message):
    __slots__ = ("pn_to_lid_mappings", "chat_db_migration_timestamp")
    PN_TO_LID_MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    CHAT_DB_MIGRATION_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    pn_to_lid_mappings: _containers.RepeatedCompositeFieldContainer[LIDMigrationMapping]
    chat_db_migration_timestamp: int
    def __init__(self, pn_to_lid_mappings: _Optional[_Iterable[_Union[LIDMigrationMapping, _Mapping[str, object]]]] = ..., chat_db_migration_timestamp: _Optional[int] = ...) -> None: ...

class PeerProtocolMessage(_message.Message):
    __slots__ = ("type", "history_sync_notification", "peer_data_operation_request_message", "peer_data_operation_request_response_message", "lid_migration_mapping_sync_message")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_SYNC_NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    PEER_DATA_OPERATION_REQUEST_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    LID_MIGRATION_MAPPING_SYNC_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    type: int
    history_sync_notification: HistorySyncNotification
    peer_data_operation_request_message: PeerDataOperationRequestMessage
    peer_data_operation_request_response_message: PeerDataOperationRequestResponseMessage
    lid_migration_mapping_sync_message: LIDMigrationMappingSyncMessage
    def __init__(self, type: _Optional[int] = ..., history_sync_notification: _Optional[_Union[HistorySyncNotification, _Mapping[str, object]]] = ..., peer_data_operation_request_message: _Optional[_Union[PeerDataOperationRequestMessage, _Mapping[str, object]]] = ..., peer_data_operation_request_response_message: _Optional[_Union[PeerDataOperationRequestResponseMessage, _Mapping[str, object]]] = ..., lid_migration_mapping_sync_message: _Optional[_Union[LIDMigrationMappingSyncMessage, _Mapping[str, object]]] = ...) -> None: ...

class PeerMessage(_message.Message):
    __slots__ = ("protocol_message",)
    PROTOCOL_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    protocol_message: PeerProtocolMessage
    def __init__(self, protocol_message: _Optional[_Union[PeerProtocolMessage, _Mapping[str, object]]] = ...) -> None: ...

class WebMessageInfo(_message.Message):
    __slots__ = ("key", "message", "message_timestamp", "push_name", "message_secret")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PUSH_NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_SECRET_FIELD_NUMBER: _ClassVar[int]
    key: _message_pb2.MessageKey
    message: _message_pb2.Message
    message_timestamp: int
    push_name: str
    message_secret: bytes
    def __init__(self, key: _Optional[_Union[_message_pb2.MessageKey, _Mapping[str, object]]] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping[str, object]]] = ..., message_timestamp: _Optional[int] = ..., push_name: _Optional[str] = ..., message_secret: _Optional[bytes] = ...) -> None: ...

class HistorySyncMsg(_message.Message):
    __slots__ = ("message", "msg_order_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MSG_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    message: WebMessageInfo
    msg_order_id: int
    def __init__(self, message: _Optional[_Union[WebMessageInfo, _Mapping[str, object]]] = ..., msg_order_id: _Optional[int] = ...) -> None: ...

class Conversation(_message.Message):
    __slots__ = ("id", "messages", "end_of_history_transfer", "conversation_timestamp")
    ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    END_OF_HISTORY_TRANSFER_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    id: str
    messages: _containers.RepeatedCompositeFieldContainer[HistorySyncMsg]
    end_of_history_transfer: bool
    conversation_timestamp: int
    def __init__(self, id: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[HistorySyncMsg, _Mapping[str, object]]]] = ..., end_of_history_transfer: _Optional[bool] = ..., conversation_timestamp: _Optional[int] = ...) -> None: ...

class Pushname(_message.Message):
    __slots__ = ("id", "pushname")
    ID_FIELD_NUMBER: _ClassVar[int]
    PUSHNAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    pushname: str
    def __init__(self, id: _Optional[str] = ..., pushname: _Optional[str] = ...) -> None: ...

class PhoneNumberToLIDMapping(_message.Message):
    __slots__ = ("pn_jid", "lid_jid")
    PN_JID_FIELD_NUMBER: _ClassVar[int]
    LID_JID_FIELD_NUMBER: _ClassVar[int]
    pn_jid: str
    lid_jid: str
    def __init__(self, pn_jid: _Optional[str] = ..., lid_jid: _Optional[str] = ...) -> None: ...

class HistorySync(_message.Message):
    __slots__ = ("sync_type", "conversations", "chunk_order", "progress", "pushnames", "phone_number_to_lid_mappings")
    SYNC_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_ORDER_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PUSHNAMES_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_TO_LID_MAPPINGS_FIELD_NUMBER: _ClassVar[int]
    sync_type: int
    conversations: _containers.RepeatedCompositeFieldContainer[Conversation]
    chunk_order: int
    progress: int
    pushnames: _containers.RepeatedCompositeFieldContainer[Pushname]
    phone_number_to_lid_mappings: _containers.RepeatedCompositeFieldContainer[PhoneNumberToLIDMapping]
    def __init__(self, sync_type: _Optional[int] = ..., conversations: _Optional[_Iterable[_Union[Conversation, _Mapping[str, object]]]] = ..., chunk_order: _Optional[int] = ..., progress: _Optional[int] = ..., pushnames: _Optional[_Iterable[_Union[Pushname, _Mapping[str, object]]]] = ..., phone_number_to_lid_mappings: _Optional[_Iterable[_Union[PhoneNumberToLIDMapping, _Mapping[str, object]]]] = ...) -> None: ...
