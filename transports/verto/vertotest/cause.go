package vertotest

import (
	"strconv"
	"strings"
)

// A Cause is a hangup cause of FreeSWITCH. As an error it says how an
// [Extension] wants its call to end.
type Cause int

// The causes that the server uses by itself; any other that FreeSWITCH knows
// may be given too.
const (
	UnallocatedNumber       Cause = 1
	NoRouteDestination      Cause = 3
	NormalClearing          Cause = 16
	UserBusy                Cause = 17
	NoAnswer                Cause = 19
	CallRejected            Cause = 21
	DestinationOutOfOrder   Cause = 27
	NormalTemporaryFailure  Cause = 41
	BearerNotAvailable      Cause = 58
	IncompatibleDestination Cause = 88
	InvalidMessage          Cause = 95
	RecoveryOnTimerExpire   Cause = 102
	OriginatorCancel        Cause = 487
	SystemShutdown          Cause = 701
	LoseRace                Cause = 702
	AttendedTransfer        Cause = 801
	UserNotRegistered       Cause = 806
)

// causeNames holds every cause of FreeSWITCH 1.11 (switch_types.h, switch_channel.c).
var causeNames = map[Cause]string{
	1: "UNALLOCATED_NUMBER", 2: "NO_ROUTE_TRANSIT_NET", 3: "NO_ROUTE_DESTINATION",
	6: "CHANNEL_UNACCEPTABLE", 7: "CALL_AWARDED_DELIVERED", 16: "NORMAL_CLEARING",
	17: "USER_BUSY", 18: "NO_USER_RESPONSE", 19: "NO_ANSWER", 20: "SUBSCRIBER_ABSENT",
	21: "CALL_REJECTED", 22: "NUMBER_CHANGED", 23: "REDIRECTION_TO_NEW_DESTINATION",
	25: "EXCHANGE_ROUTING_ERROR", 27: "DESTINATION_OUT_OF_ORDER", 28: "INVALID_NUMBER_FORMAT",
	29: "FACILITY_REJECTED", 30: "RESPONSE_TO_STATUS_ENQUIRY", 31: "NORMAL_UNSPECIFIED",
	34: "NORMAL_CIRCUIT_CONGESTION", 38: "NETWORK_OUT_OF_ORDER", 41: "NORMAL_TEMPORARY_FAILURE",
	42: "SWITCH_CONGESTION", 43: "ACCESS_INFO_DISCARDED", 44: "REQUESTED_CHAN_UNAVAIL",
	45: "PRE_EMPTED", 50: "FACILITY_NOT_SUBSCRIBED", 52: "OUTGOING_CALL_BARRED",
	54: "INCOMING_CALL_BARRED", 57: "BEARERCAPABILITY_NOTAUTH", 58: "BEARERCAPABILITY_NOTAVAIL",
	63: "SERVICE_UNAVAILABLE", 65: "BEARERCAPABILITY_NOTIMPL", 66: "CHAN_NOT_IMPLEMENTED",
	69: "FACILITY_NOT_IMPLEMENTED", 79: "SERVICE_NOT_IMPLEMENTED", 81: "INVALID_CALL_REFERENCE",
	88: "INCOMPATIBLE_DESTINATION", 95: "INVALID_MSG_UNSPECIFIED", 96: "MANDATORY_IE_MISSING",
	97: "MESSAGE_TYPE_NONEXIST", 98: "WRONG_MESSAGE", 99: "IE_NONEXIST",
	100: "INVALID_IE_CONTENTS", 101: "WRONG_CALL_STATE", 102: "RECOVERY_ON_TIMER_EXPIRE",
	103: "MANDATORY_IE_LENGTH_ERROR", 111: "PROTOCOL_ERROR", 127: "INTERWORKING", 142: "SUCCESS",
	487: "ORIGINATOR_CANCEL", 700: "CRASH", 701: "SYSTEM_SHUTDOWN", 702: "LOSE_RACE",
	703: "MANAGER_REQUEST", 800: "BLIND_TRANSFER", 801: "ATTENDED_TRANSFER",
	802: "ALLOTTED_TIMEOUT", 803: "USER_CHALLENGE", 804: "MEDIA_TIMEOUT", 805: "PICKED_OFF",
	806: "USER_NOT_REGISTERED", 807: "PROGRESS_TIMEOUT", 808: "INVALID_GATEWAY",
	809: "GATEWAY_DOWN", 810: "INVALID_URL", 811: "INVALID_PROFILE", 812: "NO_PICKUP",
	813: "SRTP_READ_ERROR", 814: "BOWOUT", 815: "BUSY_EVERYWHERE", 816: "DECLINE",
	817: "DOES_NOT_EXIST_ANYWHERE", 818: "NOT_ACCEPTABLE", 819: "UNWANTED", 820: "NO_IDENTITY",
	821: "BAD_IDENTITY_INFO", 822: "UNSUPPORTED_CERTIFICATE", 823: "INVALID_IDENTITY",
	824: "STALE_DATE", 825: "REJECT_ALL",
}

// String gives the name as it stands in a verto.bye: "USER_BUSY".
func (c Cause) String() string {
	if name, ok := causeNames[c]; ok {
		return name
	}
	return "NONE"
}

func (c Cause) Error() string { return c.String() }

func (c Cause) known() bool { _, ok := causeNames[c]; return ok }

// byeCause reads cause and causeCode of a client's verto.bye as mod_verto does:
// the name wins, a numeric text counts as a code, anything unknown as 16.
func byeCause(params object) Cause {
	if name, ok := params.get("cause"); ok {
		if text, ok := name.(string); ok && text != "" {
			return namedCause(text)
		}
	}
	v, _ := params.get("causeCode")
	code := NormalClearing
	switch v := v.(type) {
	case float64:
		code = Cause(int(v))
	case string:
		n, _ := strconv.Atoi(v)
		code = Cause(n)
	}
	if !code.known() {
		return NormalClearing
	}
	return code
}

func namedCause(text string) Cause {
	if n, err := strconv.Atoi(text); err == nil && Cause(n).known() {
		return Cause(n)
	}
	for code, name := range causeNames {
		if strings.EqualFold(name, text) {
			return code
		}
	}
	return NormalClearing
}
