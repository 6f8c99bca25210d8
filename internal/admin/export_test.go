package admin

// Admit lets tests ask about users this process cannot become.
var Admit = admit

// JudgeNodes compares two looks at the nodes.
var JudgeNodes = judgeNodes
